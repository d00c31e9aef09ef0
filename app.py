"""What a Hugging Face Space starts. At home: `tokendial demo`."""

import os

from demo.app import launch

if __name__ == "__main__":
    launch(server_name=os.environ.get("GRADIO_SERVER_NAME", "0.0.0.0"))
