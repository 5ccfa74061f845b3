"""Every kind of bad input."""

from __future__ import annotations

from tests.corpus.bombs import BOMBS
from tests.corpus.foreign_files import FOREIGN
from tests.corpus.grpc_requests import GRPC_REQUESTS
from tests.corpus.http_addresses import ADDRESSES, GENERATED
from tests.corpus.http_documents import JSON
from tests.corpus.http_tensors import BINARY, TENSORS
from tests.corpus.image_files import BROKEN, ODD
from tests.corpus.texts import TEXTS
from tests.corpus.tiffs import TIFFS

PICTURES = [*FOREIGN, *TEXTS, *BOMBS, *TIFFS, *ODD, *BROKEN]
REQUESTS = [*JSON, *TENSORS, *BINARY, *GENERATED, *ADDRESSES, *GRPC_REQUESTS]
