"""Plain FastAPI: an upload, a function in FastAPI's thread pool, the model in this process."""

from fastapi import FastAPI, UploadFile

from benchmarks.peers.answer import Prediction
from benchmarks.peers.engine_choice import load_engine

engine = load_engine()
app = FastAPI()


@app.post("/predict")
def predict(file: UploadFile) -> list[Prediction]:
    """One photo at a time; FastAPI runs up to 40 of these side by side."""
    return engine.predict([engine.prepare(file.file.read())])[0]
