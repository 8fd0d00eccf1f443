"""The door of browsers: pages, drawn on the server, for people who look at samples and jobs."""
