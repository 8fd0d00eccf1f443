"""The fault drill: starts a service of its own, breaks parts as machines do, and checks whether all promises are kept."""
