"""The fault drill: starts its own service, breaks what machines break, and looks whether all promises are kept."""
