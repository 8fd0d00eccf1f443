"""The published description of the interface: the OpenAPI document and the reference page."""

from samplebank.api.published import documentation

ROUTES = documentation.ROUTES
