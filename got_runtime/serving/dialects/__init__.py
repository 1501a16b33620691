"""What clients of other services speak: a file each, with the routes and the shape of its errors."""
