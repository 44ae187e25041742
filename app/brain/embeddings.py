"""Sentence vectors in LangChain's form, and the one encoder of a process."""

from __future__ import annotations

from langchain_core.embeddings import Embeddings

from app.likeness import encoder
from app.likeness.encoder import Matrix, Sentences, Words, best_backend, rounded

__all__ = [
    "LangChainEncoder",
    "Matrix",
    "Sentences",
    "Words",
    "best_backend",
    "rounded",
    "shared_encoder",
]


class LangChainEncoder(encoder.Encoder, Embeddings):
    """LangChain embeddings with a cache, safe to share between threads."""

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """LangChain's form: one list of floats per text."""
        return [[float(value) for value in row] for row in self.matrix(texts)]

    def embed_query(self, text: str) -> list[float]:
        """LangChain's form of one vector."""
        return self.embed_documents([text])[0]


_shared = LangChainEncoder(best_backend)


def shared_encoder() -> LangChainEncoder:
    """The process's encoder."""
    return _shared
