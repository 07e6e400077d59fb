"""One file a set: `load` gives it, `state` says where it stands; nothing is downloaded unasked."""
