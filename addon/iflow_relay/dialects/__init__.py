"""One room per API dialect: how its requests and answers read."""
