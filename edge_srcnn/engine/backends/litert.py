"""LiteRT: TFLite's interpreter under its present name."""

from edge_srcnn.engine.interpreter import TfliteBackend


class LiteRT(TfliteBackend):
    """The package ``ai-edge-litert``."""

    module, package, requirement = "ai_edge_litert.interpreter", "ai-edge-litert", "ai-edge-litert"
