"""Engines: requests in, tokens out. All of them implement :class:`got_runtime.engine.protocol.Engine`."""
