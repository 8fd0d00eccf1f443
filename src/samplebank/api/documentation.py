"""The published description of the interface: the OpenAPI document and a page to browse it."""

ROUTES = []
