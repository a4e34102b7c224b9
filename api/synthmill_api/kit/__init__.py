"""What any HTTP service needs, without a word of our domain."""
