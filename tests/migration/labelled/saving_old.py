# %% a model without an ending
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.save('my_model')  # expect: model-save-without-ending
again = keras.models.load_model('my_model')  # expect: load-model-folder

# %% save_format
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(1)])
model.save('saved/1', save_format='tf')  # expect: model-save-format-tf

# %% the h5 of every tutorial
from keras.layers import Dense
from keras.models import Sequential

model = Sequential([Dense(12, activation='relu'), Dense(1, activation='sigmoid')])
model.compile('adam', 'binary_crossentropy', metrics=['accuracy'])
model.fit(X, Y, epochs=150, verbose=0)
model.save('model.h5')  # expect: model-save-h5

# %% JSON and weights
from keras.models import Sequential, model_from_json
from keras.layers import Dense

model = Sequential([Dense(1, activation='sigmoid')])
model.build((None, 8))
with open('model.json', 'w') as json_file:
    json_file.write(model.to_json())
model.save_weights('model.h5')  # expect: save-weights-h5-ending
with open('model.json') as json_file:
    loaded = model_from_json(json_file.read())
print('Loaded model from disk')

# %% YAML
from keras.models import Sequential, model_from_yaml  # expect: model-from-yaml
from keras.layers import Dense

model = Sequential([Dense(1)])
with open('model.yaml', 'w') as f:
    f.write(model.to_yaml())  # expect: model-to-yaml

# %% checkpoints of weights with expect_partial
import os
import tensorflow as tf

checkpoint_path = 'training_1/cp.ckpt'
checkpoint_dir = os.path.dirname(checkpoint_path)


def create_model():
    model = tf.keras.Sequential([
        tf.keras.Input((784,)),
        tf.keras.layers.Dense(512, activation='relu'),
        tf.keras.layers.Dense(10),
    ])
    return model


model = create_model()
model.save_weights(checkpoint_path)  # expect: save-weights-checkpoint
latest = tf.train.latest_checkpoint(checkpoint_dir)
model.load_weights(latest)  # expect: load-weights-latest-checkpoint

# %% a checkpoint loaded by its prefix
import keras

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
model.load_weights('./checkpoints/my_checkpoint')  # expect: load-weights-checkpoint

# %% weights by name
from keras.applications import ResNet50

model = ResNet50(weights=None)
model.load_weights('resnet.weights.h5', by_name=True)  # expect: load-weights-by-name

# %% a SavedModel with signatures
import tensorflow as tf

model = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2)])


@tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
def serve(x):
    return {'scores': model(x)}


def export(folder):
    model.save(folder, signatures=serve)  # expect: model-save-signatures

# %% TensorFlow 1 serving
import tensorflow as tf

builder = tf.saved_model.builder.SavedModelBuilder('export')  # expect: saved-model-builder
tags = [tf.saved_model.tag_constants.SERVING]  # expect: saved-model-tag-constants

# %% simple_save from a session
import tensorflow as tf


def export(session, x, y):
    tf.saved_model.simple_save(session, 'export', inputs={'x': x}, outputs={'y': y})  # expect: saved-model-simple-save

# %% a Lite model from a file
import tensorflow as tf

converter = tf.lite.TFLiteConverter.from_keras_model_file('model.h5')  # expect: lite-from-keras-model-file
tflite = converter.convert()
open('model.tflite', 'wb').write(tflite)

# %% a Lite interpreter
import numpy as np
import tensorflow as tf

interpreter = tf.lite.Interpreter(model_path='model.tflite')  # expect: lite-interpreter
interpreter.allocate_tensors()
details = interpreter.get_input_details()
interpreter.set_tensor(details[0]['index'], np.zeros((1, 4), 'float32'))
interpreter.invoke()

# %% saving at a path made of parts
from datetime import datetime
from pathlib import Path
import keras

out = Path('runs') / datetime.now().strftime('%Y%m%d')
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.save(out / 'model')  # expect: model-save-without-ending
model.save_weights(out / 'weights.h5')  # expect: save-weights-h5-ending

# %% an estimator from a model
import tensorflow as tf

keras_model = tf.keras.Sequential([tf.keras.layers.Dense(1)])
keras_model.compile('adam', 'mse')
estimator = tf.keras.estimator.model_to_estimator(keras_model)  # expect: model-to-estimator

# %% layer names with a slash
import keras

inputs = keras.Input((8,))
x = keras.layers.Dense(10, name='block_1/dense')(inputs)  # expect: name-with-slash
model = keras.Model(inputs, x)

# %% include_optimizer and an h5 by f-string
import keras

fold = 3
model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
model.compile('adam', 'mse')
model.save(f'model_fold{fold}.h5')  # expect: model-save-h5
model.save(f'models/fold_{fold}.keras', include_optimizer=False)  # expect: model-save-include-optimizer
