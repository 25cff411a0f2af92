"""What a search does next: which parameters to try, which trials to stop, when it is over."""

from workers.searching.advancing import search_advance

__all__ = ["search_advance"]
