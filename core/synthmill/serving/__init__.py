"""Serving HTTP, for whoever has an ASGI application: the API, the gateway, a worker's monitoring.

# Layout
- `listening`  where to listen and whom to tell: options, sockets, the port file; imports no library
- `asgi`       types
- `http`       runs an application until it is told to stop; the only file that names uvicorn

Nothing is imported here, so that the command line can describe the options without loading a server.
"""
