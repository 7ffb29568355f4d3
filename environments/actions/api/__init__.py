"""Actions as POSTs of the REST API: the forms, stages and functions of their pages, with JSON around them."""
