"""What the people who run a cache do with it: empty it, fill it. Importing this package loads no SDK and no network."""
