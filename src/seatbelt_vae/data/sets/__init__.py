"""One module per set: ``SOURCES`` declares it, ``load`` reads it, ``state`` describes its files."""
