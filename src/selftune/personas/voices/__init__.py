"""Who speaks: the project's live server, or an endpoint of a persona's own; told of tools where it knows them."""
