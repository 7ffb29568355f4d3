"""A stand-in Ona: an invented organization whose environments live, served on the vendor's own server stubs."""
