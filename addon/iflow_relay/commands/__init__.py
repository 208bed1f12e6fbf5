"""The commands, one file each; `cli` says which there are."""
