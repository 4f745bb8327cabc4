"""Reading the packages that storage keeps: plain Python over streams of bytes."""
