"""What every room of the hub uses: names of topics, queues, JSON."""
