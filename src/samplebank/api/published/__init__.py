"""What the interface says about itself: its OpenAPI document and its reference page."""

from samplebank.api.published import documentation

ROUTES = documentation.ROUTES
