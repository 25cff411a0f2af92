"""What the shelf's plugins show of themselves, made by training and asking them in earnest.

``python -m deploy.samples NAME …`` writes the samples of the plugins named beside their modules.
All learn from the example that their page offers, but embeddings, which asks the encoder
``all-minilm-l6-v2`` among the base models. What Faces and text generation show was made by longer
trainings: their README says how.
"""
