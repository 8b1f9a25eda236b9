"""An AWS emulator of one's own: started, deployed to, asked like a CDN, stopped."""
