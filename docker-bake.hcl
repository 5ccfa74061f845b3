# docker buildx bake --push      what is published: the server with NVIDIA's Triton, and the tools that run beside it
# docker buildx bake laptop      the server with Triton 24.10 from PyPI, for one machine: it is not published
#
# Variables come from the environment: REGISTRY=registry.example.com/team VERSION=1 docker buildx bake --push

variable "REGISTRY" { default = "registry.example.com" }
variable "VERSION" { default = "1" }
# The commit, for the images' label.
variable "REVISION" { default = "" }
# sha256:… of the base images: docs/containers.md
variable "TRITON_DIGEST" { default = "" }
variable "PYTHON_DIGEST" { default = "" }

group "default" {
  targets = ["server", "tools"]
}

target "common" {
  platforms = ["linux/amd64"]
  args = {
    REVISION      = REVISION
    TRITON_DIGEST = TRITON_DIGEST
    PYTHON_DIGEST = PYTHON_DIGEST
  }
}

target "published" {
  inherits = ["common"]
  # What is in the image, and how it was built.
  attest = ["type=sbom", "type=provenance,mode=max"]
}

target "server" {
  inherits = ["published"]
  target   = "server"
  args     = { RUNTIME = "nvidia" }
  tags     = ["${REGISTRY}/cronnx:nvidia-${VERSION}"]
}

target "tools" {
  inherits = ["published"]
  target   = "tools"
  tags     = ["${REGISTRY}/cronnx-tools:${VERSION}"]
}

target "laptop" {
  inherits = ["common"]
  target   = "server"
  args     = { RUNTIME = "cpu" }
  tags     = ["cronnx:cpu"]
}
