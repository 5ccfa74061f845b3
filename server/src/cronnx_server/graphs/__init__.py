"""ONNX graphs: networks made fit to serve, the normalisation before them and the heads behind them."""
