"""The words of data management: units, objects, dates as bounds, searches and their pages."""
