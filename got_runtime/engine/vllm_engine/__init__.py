"""GOT in vLLM: an engine that decodes with it, and the plug-in that lets vLLM serve GOT by itself."""
