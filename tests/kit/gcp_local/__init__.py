"""What a recorded GCP graph deploys, on this machine and over real HTTP.

The function as Cloud Run runs it, its bucket on an emulator; Secret Manager, Vertex AI and the metadata server as
``google`` plays them, Media CDN as ``edge`` does.
"""
