"""The demo: the main job of the house, done as a new tenant would do it.

``python -m deploy.demo`` starts the installation, signs up through the pages,
and then does everything through the API with the ``openai`` client: upload,
train, use, and read the bill. It fails loudly when anything on the way does.
"""
