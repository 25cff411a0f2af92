"""What most trainings with torch need, once: pictures, precision, memory, checkpoints, exports.

Only plugins import it, and inside their methods: unlike the rest of the SDK it imports torch.
``pip install "modelmill-sdk[learning]"`` brings what it needs.

=================  ==========================================================================
``pictures``       a dataset's pictures, decoded once into a memory-mapped array of bytes
``batches``        which rows each batch holds, decided by the step alone
``precision``      half precision where a short probe shows that it pays
``memory``         a batch that splits itself when the device's memory runs out
``clipping``       a private step whose batch splits itself likewise
``together``       one batch worked through by the processes of several devices
``graphs``         a piece of a step that a GPU does without Python asking for each kernel
``schedules``      learning rates over a training
``averaging``      an exponential moving average of weights
``stopping``       the best weights so far, and when to stop looking for better ones
``finite``         a loss that is no longer a number ends the training
``state``          a checkpoint of networks and optimizers as safetensors and JSON
``quantizing``     int8 weights for the CPU, with size, speed and loss of quality measured
``onnx``           a network as an ONNX file, checked against the original
``features``       a fixed network that turns pictures into features, for want of Inception
``distances``      KID and FID, nearest neighbours and variety, from features
``sheets``         tensors as pictures to look at, several laid out as one
``realism``        how real drawn pictures are, how varied, and whether learnt by heart
=================  ==========================================================================
"""
