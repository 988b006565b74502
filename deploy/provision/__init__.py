"""Makes one installation in containers: keys first, then topics, roles and schemas."""
