"""AWS Clean Rooms: our membership against a stand-in that botocore's model keeps honest."""
