"""Running the whole service: database, first accounts, web processes, housekeeper, built-in workers."""
