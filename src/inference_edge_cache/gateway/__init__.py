"""What runs behind the CDN: key, store, model.

Loads the standard library, the protocol and what the protocol needs. A cloud's SDK is loaded by the store or the model
that uses it, pulumi and pydantic never: this package is what a deployment zips and ships.
"""
