"""Plain FastAPI: a function in FastAPI's thread pool, with the model in the same process."""

from fastapi import FastAPI, UploadFile

from benchmarks.peers.answer import Prediction
from benchmarks.peers.engine_choice import load_engine

engine = load_engine(several=False)
app = FastAPI()


@app.post("/predict")
def predict(file: UploadFile) -> list[Prediction]:
    """Classify one photo; FastAPI runs up to 40 calls at the same time."""
    return engine.predict([engine.prepare(file.file.read())])[0]
