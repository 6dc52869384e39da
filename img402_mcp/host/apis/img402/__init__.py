"""The img402 API: free and paid uploads."""
