"""Absences out of a calendar: an iCalendar file or feed (RFC 5545) becomes spans of time in which a rep takes no handoffs."""
