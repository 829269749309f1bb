namespace nn {}
