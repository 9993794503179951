"""How clients speak: OpenAI's own routes go on as they are; Responses and Ollama's routes are brought onto chat."""
