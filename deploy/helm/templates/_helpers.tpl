{{- define "selectorLabels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "labels" -}}
{{ include "selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "image" -}}
{{ .repository }}{{ if .digest }}@{{ .digest }}{{ else }}:{{ .tag }}{{ end }}
{{- end }}

{{- define "containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- define "answers" -}}
command:
  - /opt/cronnx/healthcheck
  - --timeout-s=8
  - --models
  {{- toYaml .Values.models.load | nindent 2 }}
{{- end }}

{{/* The average queue time of a request of this release, for the model of each pod with the longest, summed over pods. */}}
{{- define "queueQuery" -}}
{{- $series := printf "{namespace=%q,service=%q}" .Release.Namespace .Release.Name -}}
sum(max by (pod) (rate(request_queue_seconds_total{{ $series }}[2m]) / clamp_min(rate(request_latency_seconds_count{{ $series }}[2m]), 0.001)))
{{- end }}

{{- define "gpuQuery" -}}
sum(avg by (pod) (avg_over_time(nv_gpu_utilization{namespace={{ .Release.Namespace | quote }},service={{ .Release.Name | quote }}}[2m])))
{{- end }}
