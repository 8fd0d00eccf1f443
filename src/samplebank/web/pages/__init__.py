"""One module for each page: what the page shows, the function that reads the page's content, and the route."""
