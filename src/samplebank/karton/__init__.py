"""The bridge to Karton: hands tasks of the worker `karton` to the services of a Karton, and brings back what they find."""
