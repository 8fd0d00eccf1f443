"""The published description of the interface: the OpenAPI document and a page to browse it."""

from litestar import Response, get

from samplebank.api.exchange import Exchange
from samplebank.api.operation import OPEN

ROUTES = []
