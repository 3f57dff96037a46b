"""The checks of chapter models report what is certain, and are silent about what looks like it."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from kcourse.migration import table
from kcourse.migration.auditing import audit

#: Code by rule and by what it shows; ``# here`` ends each line that is reported.
REPORTED = {
    "missing-super-init": {
        "a layer": """
            from tensorflow.keras import layers
            class Block(layers.Layer):
                def __init__(self, units):  # here
                    self.dense = layers.Dense(units)
            """,
        "a model": """
            import keras
            class Net(keras.Model):
                def __init__(self):  # here
                    self.dense = keras.layers.Dense(1)
                def call(self, x):
                    return self.dense(x)
            """,
        "below a class of the file": """
            import keras
            class Base(keras.Layer):
                pass
            class Block(Base):
                def __init__(self):  # here
                    self.units = 2
            """,
    },
    "super-init-of-self": {
        "a model": """
            import tensorflow as tf
            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__(self)  # here
            """,
        "with the class named": """
            from keras.models import Model
            class Net(Model):
                def __init__(self, units):
                    super(Net, self).__init__(self)  # here
                    self.units = units
            """,
        "a layer": """
            from keras import layers
            class Block(layers.Layer):
                def __init__(self, **kwargs):
                    super().__init__(self, **kwargs)  # here
            """,
    },
    "layer-made-in-call": {
        "made and called at once": """
            from tensorflow.keras import layers
            class Head(layers.Layer):
                def call(self, x):
                    return layers.Dense(2)(x)  # here
            """,
        "under a condition": """
            import keras
            class Net(keras.Model):
                def call(self, x, training=False):
                    if self.normalize:
                        x = keras.layers.BatchNormalization()(x)  # here
                    return x
            """,
        "by way of a name": """
            import keras
            from keras.layers import LSTM
            class Net(keras.Model):
                def call(self, x):
                    lstm = LSTM(3)  # here
                    return lstm(x)
            """,
    },
    "weight-name-first": {
        "in a layer": """
            import tensorflow as tf
            class Scale(tf.keras.layers.Layer):
                def build(self, input_shape):
                    self.w = self.add_weight("w", shape=(3,))  # here
            """,
        "with a computed name": """
            import keras
            class Scale(keras.Layer):
                def build(self, input_shape):
                    for i in range(3):
                        self.add_weight(f"w{i}", (3,))  # here
            """,
        "under the old name": """
            from tensorflow.keras.layers import Layer
            class Scale(Layer):
                def build(self, input_shape):
                    self.w = self.add_variable("w", shape=(3,))  # here
            """,
        "from outside": """
            import keras
            layer = keras.layers.Dense(3)
            layer.add_weight("extra", shape=())  # here
            """,
    },
    "tensor-shape-in-build": {
        "as_list": """
            import keras
            class Linear(keras.Layer):
                def build(self, input_shape):
                    n = input_shape.as_list()[-1]  # here
            """,
        "one of several shapes": """
            import keras
            class Join(keras.Layer):
                def build(self, shapes):
                    self.left = shapes[0].rank  # here
                    self.right = len(shapes[1])
            """,
        "the value of an entry": """
            from tensorflow.keras.layers import Layer
            class Linear(Layer):
                def build(self, input_shape):
                    self.n = input_shape[-1].value  # here
            """,
        "compute_output_shape": """
            from tensorflow.keras.layers import Layer
            class Twice(Layer):
                def compute_output_shape(self, shape):
                    return shape.as_list()  # here
            """,
    },
    "tensor-if-in-call": {
        "if": """
            import tensorflow as tf
            class Upright(tf.keras.layers.Layer):
                def call(self, x):
                    if tf.reduce_sum(x) > 0:  # here
                        return x
                    return -x
            """,
        "if with more": """
            import keras
            from keras import ops
            class Upright(keras.Model):
                def call(self, x, training=False):
                    y = x if training and not ops.any(x < 0) else -x  # here
                    return y
            """,
        "while": """
            import tensorflow as tf
            class Halved(tf.keras.layers.Layer):
                def call(self, x):
                    while tf.math.reduce_max(x) > 1:  # here
                        x = x / 2
                    return x
            """,
        "a length that is a tensor": """
            import tensorflow as tf
            class Cut(tf.keras.layers.Layer):
                def call(self, x):
                    return x[:3] if tf.shape(x)[0] > 3 else x  # here
            """,
        "for": """
            import tensorflow as tf
            class Doubled(tf.keras.layers.Layer):
                def call(self, x):
                    for _ in tf.range(3):  # here
                        x = 2 * x
                    return x
            """,
    },
    "nested-state-size": {
        "a shape": """
            import tensorflow as tf
            class Cell(tf.keras.layers.Layer):
                def __init__(self, size):
                    super().__init__()
                    self.state_size = tf.TensorShape([size, size])  # here
            """,
        "a list of shapes": """
            import tensorflow as tf
            class Cell(tf.keras.layers.Layer):
                def __init__(self, u, v):
                    super().__init__()
                    self.state_size = [tf.TensorShape([u]), tf.TensorShape([v])]  # here
            """,
        "a list of tuples": """
            from keras import layers
            class Cell(layers.Layer):
                def __init__(self):
                    super().__init__()
                    self.state_size = [(2,), (4, 4)]  # here
            """,
    },
    "tf-function-on-keras-tensor": {
        "an input": """
            import tensorflow as tf
            x = tf.keras.Input((4,))
            y = tf.reduce_sum(x, axis=-1)  # here
            """,
        "what a layer returns": """
            import tensorflow as tf
            from tensorflow.keras import Input, layers
            x = layers.Dense(3)(Input((4,)))
            y = tf.nn.relu(x)  # here
            """,
        "in a list": """
            import tensorflow as tf
            import keras
            a, b = keras.Input((4,)), keras.Input((4,))
            y = tf.concat([a, b], axis=-1)  # here
            """,
        "by keyword": """
            import tensorflow as tf
            import keras
            x = keras.Input((4,))
            y = tf.math.square(x=x)  # here
            """,
        "a model's output": """
            import tensorflow as tf
            base = tf.keras.applications.VGG16()
            y = tf.expand_dims(base.output, 1)  # here
            """,
    },
    "backend-function-on-keras-tensor": {
        "an input": """
            from tensorflow.keras import Input
            from tensorflow.keras import backend as K
            x = Input((4,))
            y = K.sum(x, axis=-1)  # here
            """,
        "in a list": """
            import tensorflow as tf
            a, b = tf.keras.Input((4,)), tf.keras.Input((4,))
            y = tf.keras.backend.concatenate([a, b])  # here
            """,
        "a layer's output": """
            import tensorflow.keras.backend as K
            from tensorflow.keras.applications import VGG16
            model = VGG16()
            heat = K.mean(model.get_layer("block5_conv3").output, axis=-1)  # here
            """,
    },
    "keras-tensor-get-shape": {
        "of an input": """
            import keras
            shape = keras.Input((4,)).get_shape()  # here
            """,
        "of what a layer returns": """
            from keras.layers import Dense, Input
            x = Dense(3)(Input((4,)))
            width = x.get_shape()[-1]  # here
            """,
        "set": """
            import keras
            x = keras.Input((4,))
            x.set_shape((None, 4))  # here
            """,
    },
    "keras-tensor-shape-as-list": {
        "as_list": """
            import keras
            x = keras.Input((4,))
            shape = x.shape.as_list()  # here
            """,
        "rank": """
            from keras.layers import Dense, Input
            rank = Dense(3)(Input((4,))).shape.rank  # here
            """,
        "by way of a name": """
            from tensorflow import keras
            x = keras.Input((4,))
            shape = x.shape
            if shape.ndims == 2:  # here
                pass
            """,
    },
    "input-shape-number": {
        "in parentheses": """
            from tensorflow.keras.layers import Input
            x = Input(shape=(784))  # here
            """,
        "plain": """
            import keras
            x = keras.Input(784)  # here
            """,
        "by a name": """
            import keras
            features = 20
            x = keras.layers.Input(shape=(features))  # here
            """,
        "the layer": """
            import keras
            model = keras.Sequential([keras.layers.InputLayer(784)])  # here
            """,
    },
    "layer-output-shape": {
        "of a layer": """
            import keras
            layer = keras.layers.Dense(3)
            layer(keras.Input((4,)))
            print(layer.output_shape)  # here
            """,
        "of a layer of a model": """
            from keras import Sequential, layers
            model = Sequential()
            model.add(layers.Dense(3))
            model.add(layers.Dense(1))
            print(model.layers[-1].input_shape)  # here
            """,
        "of all layers": """
            import keras
            x = keras.Input((4,))
            model = keras.Model(x, keras.layers.Dense(3)(x))
            for layer in model.layers:
                print(layer.name, layer.output_shape)  # here
            """,
        "of all layers at once": """
            from keras.applications import VGG16
            shapes = [layer.output_shape for layer in VGG16().layers]  # here
            """,
        "of a layer of one's own": """
            import keras
            class Twice(keras.Layer):
                def call(self, x):
                    return 2 * x
            print(Twice().output_shape)  # here
            """,
    },
    "second-argument-of-model-call": {
        "targets": """
            import keras
            x = keras.Input((4,))
            model = keras.Model(x, keras.layers.Dense(3)(x))
            result = model(data, targets)  # here
            """,
        "training": """
            from tensorflow.keras import Sequential
            model = Sequential([first, second])
            result = model(data, True)  # here
            """,
        "of an application": """
            from keras.applications import VGG16
            base = VGG16(weights=None)
            features = base(images, False)  # here
            """,
    },
    "one-input-in-a-list": {
        "an array": """
            import keras
            import numpy as np
            x = keras.Input((4,))
            model = keras.Model(inputs=[x], outputs=keras.layers.Dense(3)(x))
            result = model(np.ones((1, 4)))  # here
            """,
        "a tensor": """
            import tensorflow as tf
            x = tf.keras.Input((4,))
            model = tf.keras.Model((x,), tf.keras.layers.Dense(3)(x))
            result = model(tf.ones((1, 4)))  # here
            """,
        "the inputs of another model": """
            import tensorflow as tf
            base = tf.keras.applications.VGG19(weights=None)
            features = tf.keras.Model(base.inputs, base.layers[3].output)
            result = features(tf.zeros((1, 224, 224, 3)))  # here
            """,
    },
    "keras1-three-numbers": {
        "two dimensions": """
            from keras.layers import Convolution2D
            layer = Convolution2D(32, 3, 3, activation="relu")  # here
            """,
        "by its module": """
            import tensorflow as tf
            layer = tf.keras.layers.Convolution2D(64, 5, 5)  # here
            """,
        "by names": """
            from keras.layers import Convolution2D
            filters, size = 32, 3
            layer = Convolution2D(filters, size, size)  # here
            """,
    },
    "subclassed-model-build": {
        "a model": """
            import keras
            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.dense = keras.layers.Dense(2)
                def call(self, x):
                    return self.dense(x)
            model = Net()
            model.build((None, 3))  # here
            """,
        "by keyword": """
            import tensorflow as tf
            class Net(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.dense = tf.keras.layers.Dense(2)
                def call(self, x):
                    return self.dense(x)
            Net().build(input_shape=(None, 3))  # here
            """,
        "by itself": """
            import keras
            class Net(keras.Model):
                def __init__(self, shape):
                    super().__init__()
                    self.dense = keras.layers.Dense(2)
                    self.build(shape)  # here
                def call(self, x):
                    return self.dense(x)
            """,
    },
    "rnn-get-initial-state": {
        "of what a layer returned": """
            import tensorflow as tf
            class Generator(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.embedding = tf.keras.layers.Embedding(10, 4)
                    self.gru = tf.keras.layers.GRU(3)
                def call(self, inputs, states=None):
                    x = inputs
                    x = self.embedding(x)
                    if states is None:
                        states = self.gru.get_initial_state(x)  # here
                    return self.gru(x, initial_state=states)
            """,
        "of a tensor": """
            import tensorflow as tf
            lstm = tf.keras.layers.LSTM(3)
            state = lstm.get_initial_state(tf.zeros((2, 5, 4)))  # here
            """,
        "of a symbol": """
            import keras
            x = keras.Input((5, 4))
            state = keras.layers.LSTM(3).get_initial_state(x)  # here
            """,
        "by its old name": """
            import keras
            state = keras.layers.GRU(3).get_initial_state(inputs=x)  # here
            """,
    },
    "backend-set-value": {
        "of an optimizer": """
            from tensorflow import keras
            from tensorflow.keras import backend as K
            optimizer = keras.optimizers.SGD(0.1)
            K.set_value(optimizer.learning_rate, 0.01)  # here
            """,
        "in a callback": """
            import tensorflow as tf
            class Slower(tf.keras.callbacks.Callback):
                def on_epoch_end(self, epoch, logs=None):
                    rate = self.model.optimizer.learning_rate
                    tf.keras.backend.set_value(self.model.optimizer.learning_rate, 0.1)  # here
            """,
        "of a layer": """
            import tensorflow.keras.backend as K
            from tensorflow.keras.layers import Dense
            layer = Dense(2)
            K.set_value(x=layer.bias, value=[1.0, 2.0])  # here
            """,
    },
    "pop-from-model-layers": {
        "pop": """
            from keras.applications import VGG16
            model = VGG16()
            model.layers.pop()  # here
            """,
        "append": """
            import keras
            model = keras.Sequential([keras.layers.Dense(3)])
            model.layers.append(keras.layers.Dense(1))  # here
            """,
        "of a model that was loaded": """
            import tensorflow as tf
            model = tf.keras.models.load_model("model.keras")
            head = model.layers.pop(-1)  # here
            """,
    },
    "sequential-input": {
        "both": """
            from tensorflow import keras
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            features = keras.Model(
                model.input,  # here
                model.output,  # here
            )
            """,
        "after training": """
            from keras import Sequential, layers
            model = Sequential()
            model.add(layers.Dense(4))
            model.compile("sgd", "mse")
            model.fit(x, y)
            print(model.output)  # here
            """,
        "in a function": """
            import keras
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            def heads():
                return model.output  # here
            """,
    },
}

SILENT = {
    "missing-super-init": {
        "a late call": """
            import keras
            class Block(keras.Layer):
                def __init__(self, units):
                    units = 2 * units
                    super().__init__()
            """,
        "the class named": """
            from keras.layers import Layer
            class Block(Layer):
                def __init__(self):
                    Layer.__init__(self)
            """,
        "in a helper": """
            import keras
            class Block(keras.Layer):
                def __init__(self):
                    self._begin()
                def _begin(self):
                    super().__init__()
            """,
        "no __init__": """
            import keras
            class Block(keras.Layer):
                def call(self, x):
                    return x
            """,
        "no object is made": """
            import keras
            class Base(keras.Layer):
                def __init__(self):
                    raise NotImplementedError
            """,
        "no layer": """
            class Block:
                def __init__(self):
                    self.units = 2
            """,
    },
    "super-init-of-self": {
        "no argument": """
            import keras
            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
            """,
        "the class named": """
            import keras
            class Net(keras.Model):
                def __init__(self):
                    keras.Model.__init__(self)
            """,
        "no layer": """
            class Child(Node):
                def __init__(self):
                    super().__init__(self)
            """,
    },
    "layer-made-in-call": {
        "made in __init__": """
            import keras
            class Head(keras.Layer):
                def __init__(self):
                    super().__init__()
                    self.dense = keras.layers.Dense(2)
                def call(self, x):
                    return self.dense(x)
            """,
        "no weights": """
            import keras
            class Head(keras.Layer):
                def call(self, x):
                    return keras.layers.Flatten()(x)
            """,
        "made once": """
            import keras
            class Head(keras.Layer):
                def call(self, x):
                    if self.dense is None:
                        self.dense = keras.layers.Dense(2)
                    return self.dense(x)
            """,
        "kept": """
            import keras
            class Head(keras.Layer):
                def call(self, x):
                    if self.dense is None:
                        dense = keras.layers.Dense(2)
                        self.dense = dense
                    else:
                        dense = self.dense
                    return dense(x)
            """,
        "another name": """
            import keras
            from keras import layers
            class Head(keras.Layer):
                def call(self, x, layers):
                    return layers.Dense(2)(x)
            """,
        "another method": """
            import keras
            class Head(keras.Layer):
                def graph(self, x):
                    return keras.Model(x, keras.layers.Dense(2)(x))
            """,
    },
    "weight-name-first": {
        "by keyword": """
            import keras
            class Scale(keras.Layer):
                def build(self, input_shape):
                    self.w = self.add_weight(shape=(3,), name="w")
            """,
        "the shape first": """
            import keras
            class Scale(keras.Layer):
                def build(self, input_shape):
                    self.w = self.add_weight((3,), name="w")
            """,
        "a method of one's own": """
            import keras
            class Scale(keras.Layer):
                def add_weight(self, name, **kwargs):
                    return super().add_weight(name=name, **kwargs)
                def build(self, input_shape):
                    self.w = self.add_weight("w", shape=(3,))
            """,
        "another object": """
            graph.add_weight("w", shape=(3,))
            """,
    },
    "tensor-shape-in-build": {
        "a tuple": """
            import keras
            class Linear(keras.Layer):
                def build(self, input_shape):
                    self.n, self.rank = input_shape[-1], len(input_shape)
            """,
        "made a shape": """
            import tensorflow as tf
            class Linear(tf.keras.layers.Layer):
                def build(self, input_shape):
                    input_shape = tf.TensorShape(input_shape)
                    n = input_shape.as_list()[-1]
            """,
        "asked first": """
            import tensorflow as tf
            class Linear(tf.keras.layers.Layer):
                def build(self, shape):
                    shapes = shape.as_list() if hasattr(shape, "as_list") else shape
            """,
        "another method": """
            import tensorflow as tf
            class Linear(tf.keras.layers.Layer):
                def call(self, x):
                    return tf.reshape(x, x.shape.as_list())
            """,
    },
    "tensor-if-in-call": {
        "what Python knows": """
            import tensorflow as tf
            from keras import ops
            class Block(tf.keras.layers.Layer):
                def call(self, x, mask=None, training=False):
                    if training and mask is not None and self.rate > 0 and len(x.shape) == 2:
                        x = 2 * x
                    if ops.shape(x)[1] == 3 or ops.ndim(x) > 2 or tf.executing_eagerly():
                        x = 3 * x
                    for _ in range(self.times):
                        x = x + 1
                    return x
            """,
        "is it there": """
            import tensorflow as tf
            class Block(tf.keras.layers.Layer):
                def call(self, x):
                    if tf.reduce_sum(x) is not None:
                        return x
            """,
        "a graph of its own": """
            import tensorflow as tf
            class Block(tf.keras.layers.Layer):
                @tf.function
                def call(self, x):
                    if tf.reduce_sum(x) > 0:
                        return x
                    return -x
            """,
        "a function inside": """
            import tensorflow as tf
            class Block(tf.keras.layers.Layer):
                def call(self, x):
                    @tf.function
                    def upright(x):
                        return x if tf.reduce_sum(x) > 0 else -x
                    return upright(x)
            """,
        "another method": """
            import tensorflow as tf
            class Net(tf.keras.Model):
                def show(self, x):
                    if tf.reduce_sum(x) > 0:
                        print(x)
            """,
        "no layer": """
            import tensorflow as tf
            class Block(tf.Module):
                def call(self, x):
                    return x if tf.reduce_sum(x) > 0 else -x
            """,
    },
    "nested-state-size": {
        "a number": """
            import keras
            class Cell(keras.Layer):
                def __init__(self, units):
                    super().__init__()
                    self.state_size = units
            """,
        "numbers": """
            import keras
            class Cell(keras.Layer):
                def __init__(self, u):
                    super().__init__()
                    self.state_size = [u, 2 * u]
            """,
        "another attribute": """
            import tensorflow as tf
            class Cell(tf.keras.layers.Layer):
                def __init__(self, u):
                    super().__init__()
                    self.size = tf.TensorShape([u, u])
            """,
        "no layer": """
            class Cell:
                def __init__(self):
                    self.state_size = [(2,), (4, 4)]
            """,
    },
    "tf-function-on-keras-tensor": {
        "keras.ops": """
            import keras
            x = keras.Input((4,))
            y = keras.ops.sum(x) + x * 2
            """,
        "an operator": """
            import tensorflow as tf
            x = tf.keras.Input((4,))
            y = x + tf.ones((4,))
            """,
        "in call": """
            import tensorflow as tf
            class Sum(tf.keras.layers.Layer):
                def call(self, x):
                    return tf.reduce_sum(x, axis=-1)
            y = Sum()(tf.keras.Input((4,)))
            """,
        "in a Lambda": """
            import tensorflow as tf
            x = tf.keras.Input((4,))
            y = tf.keras.layers.Lambda(lambda x: tf.square(x))(x)
            """,
        "questions": """
            import tensorflow as tf
            x = tf.keras.Input((4,))
            print(tf.is_tensor(x), tf.keras.layers.add([x, x]))
            """,
        "a tensor": """
            import tensorflow as tf
            model = tf.keras.Sequential([tf.keras.layers.Dense(3)])
            y = tf.reduce_sum(model(tf.ones((2, 3))))
            """,
    },
    "backend-function-on-keras-tensor": {
        "what takes a symbol": """
            from tensorflow.keras import Input
            from tensorflow.keras import backend as K
            x = Input((4,))
            print(K.int_shape(x), K.is_keras_tensor(x))
            """,
        "in a Lambda": """
            from tensorflow.keras import Input, layers
            from tensorflow.keras import backend as K
            y = layers.Lambda(lambda x: K.sum(x, axis=-1))(Input((4,)))
            """,
        "in a loss": """
            from tensorflow.keras import backend as K
            def loss(y_true, y_pred):
                return K.mean(K.square(y_pred - y_true))
            """,
    },
    "keras-tensor-get-shape": {
        "of a tensor": """
            import tensorflow as tf
            shape = tf.ones((2, 3)).get_shape()
            """,
        "in call": """
            import tensorflow as tf
            class Block(tf.keras.layers.Layer):
                def call(self, x):
                    return tf.reshape(x, x.get_shape())
            """,
        "the shape": """
            import keras
            shape = keras.Input((4,)).shape
            """,
    },
    "keras-tensor-shape-as-list": {
        "of a tensor": """
            import tensorflow as tf
            shape = tf.ones((2, 3)).shape.as_list()
            """,
        "a tuple": """
            import keras
            x = keras.Input((4,))
            rank, shape = len(x.shape), list(x.shape)
            """,
        "of an argument": """
            def width(x):
                return x.shape.as_list()[-1]
            """,
        "the rank": """
            import keras
            rank = keras.Input((4,)).ndim
            """,
    },
    "input-shape-number": {
        "tuples": """
            import keras
            a, b, c = keras.Input((784,)), keras.Input(shape=[784]), keras.Input(shape=())
            """,
        "a name for a shape": """
            import keras
            shape = (784,)
            x = keras.Input(shape)
            """,
        "an argument": """
            import keras
            def build(n):
                return keras.Input(shape=n)
            """,
        "another Input": """
            from dash import Input
            x = Input(784)
            """,
        "no shape": """
            import keras
            x = keras.Input(shape=None, batch_size=3)
            """,
    },
    "layer-output-shape": {
        "of a model": """
            import keras
            x = keras.Input((4,))
            model = keras.Model(x, keras.layers.Dense(3)(x))
            print(model.output_shape, model.input_shape)
            """,
        "of a model among the layers": """
            import keras
            encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
            model = keras.Sequential([encoder, keras.layers.Dense(1)])
            print(model.layers[0].output_shape)
            """,
        "of models only": """
            import keras
            encoder = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
            decoder = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            for part in keras.Sequential([encoder, decoder]).layers:
                print(part.output_shape)
            """,
        "picked out": """
            import keras
            x = keras.Input((4,))
            model = keras.Model(x, keras.Sequential([keras.layers.Dense(3)])(x))
            for layer in model.layers:
                if isinstance(layer, keras.Model):
                    print(layer.output_shape)
            print([one.output_shape for one in model.layers if one.name == "head"])
            """,
        "by name": """
            import keras
            model = keras.models.load_model("model.keras")
            print(model.get_layer("encoder").output_shape)
            """,
        "set by the class": """
            import keras
            class Twice(keras.Layer):
                def __init__(self, shape):
                    super().__init__()
                    self.output_shape = shape
            print(Twice((3,)).output_shape)
            """,
        "of the tensor": """
            import keras
            layer = keras.layers.Dense(3)
            layer(keras.Input((4,)))
            print(layer.output.shape)
            """,
    },
    "second-argument-of-model-call": {
        "a keyword": """
            import keras
            model = keras.Sequential([keras.layers.Dense(3)])
            result = model(data, training=True)
            """,
        "a class of one's own": """
            import keras
            class Net(keras.Model):
                def call(self, x, context):
                    return x + context
            result = Net()(data, other)
            """,
        "inputs in a list": """
            import keras
            a, b = keras.Input((3,)), keras.Input((3,))
            model = keras.Model([a, b], keras.layers.add([a, b]))
            result = model([left, right])
            """,
        "a model that is not plain": """
            import keras
            model = keras.models.load_model("model.keras")
            result = model(data, other)
            """,
        "another layer": """
            import keras
            result = keras.layers.Attention()(query, value)
            scores = keras.layers.MultiHeadAttention(2, 3)(query, value)
            """,
    },
    "one-input-in-a-list": {
        "no list": """
            import keras
            import numpy as np
            x = keras.Input((4,))
            model = keras.Model(x, keras.layers.Dense(3)(x))
            result = model(np.ones((1, 4)))
            """,
        "a list for a list": """
            import keras
            import numpy as np
            x = keras.Input((4,))
            model = keras.Model([x], keras.layers.Dense(3)(x))
            result = model([np.ones((1, 4))])
            """,
        "fit and predict": """
            import keras
            import numpy as np
            x = keras.Input((4,))
            model = keras.Model([x], keras.layers.Dense(3)(x))
            result = model.predict(np.ones((1, 4)))
            """,
        "two inputs": """
            import keras
            import numpy as np
            a, b = keras.Input((4,)), keras.Input((4,))
            model = keras.Model([a, b], keras.layers.add([a, b]))
            result = model(np.ones((2, 1, 4)))
            """,
        "what is not known": """
            import keras
            x = keras.Input((4,))
            model = keras.Model([x], keras.layers.Dense(3)(x))
            def step(batch):
                return model(batch)
            """,
    },
    "keras1-three-numbers": {
        "a size": """
            from keras.layers import Convolution2D
            layer = Convolution2D(32, (3, 3))
            """,
        "a stride": """
            from keras.layers import Convolution2D
            layer = Convolution2D(32, 3, 2)
            """,
        "the new name": """
            from keras.layers import Conv2D
            layer = Conv2D(768, 16, 16)
            """,
        "another class": """
            from mylayers import Convolution2D
            layer = Convolution2D(32, 3, 3)
            """,
    },
    "subclassed-model-build": {
        "a build of its own": """
            import keras
            class Net(keras.Model):
                def __init__(self):
                    super().__init__()
                    self.dense = keras.layers.Dense(2)
                def build(self, input_shape):
                    self.dense.build(input_shape)
                def call(self, x):
                    return self.dense(x)
            Net().build((None, 3))
            """,
        "a Sequential model": """
            import keras
            model = keras.Sequential([keras.layers.Dense(3)])
            model.build((None, 3))
            """,
        "a layer": """
            import keras
            class Block(keras.Layer):
                def __init__(self):
                    super().__init__()
                    self.dense = keras.layers.Dense(2)
                def call(self, x):
                    return self.dense(x)
            Block().build((None, 3))
            """,
        "a functional model": """
            import keras
            class Net(keras.Model):
                def __init__(self):
                    x = keras.Input((3,))
                    self.dense = keras.layers.Dense(2)
                    super().__init__(x, self.dense(x))
            Net().build((None, 3))
            """,
        "another build": """
            import keras
            tuner.build(keras.Model)
            """,
    },
    "rnn-get-initial-state": {
        "a number": """
            import keras
            states = keras.layers.GRU(3).get_initial_state(32)
            states = keras.layers.GRU(3).get_initial_state(batch_size=32)
            """,
        "the length of a batch": """
            import tensorflow as tf
            class Generator(tf.keras.Model):
                def __init__(self):
                    super().__init__()
                    self.gru = tf.keras.layers.GRU(3)
                def call(self, x):
                    n = tf.shape(x)[0]
                    return self.gru(x, initial_state=self.gru.get_initial_state(n))
            """,
        "what is not known": """
            import keras
            gru = keras.layers.GRU(3)
            def begin(n):
                return gru.get_initial_state(n)
            """,
    },
    "backend-set-value": {
        "a variable of TensorFlow's own": """
            import tensorflow as tf
            v = tf.Variable(1.0)
            tf.keras.backend.set_value(v, 2.0)
            """,
        "a variable of a class": """
            import tensorflow as tf
            class Weighted(tf.keras.callbacks.Callback):
                def __init__(self):
                    super().__init__()
                    self.weight = tf.Variable(1.0)
                def on_epoch_end(self, epoch, logs=None):
                    tf.keras.backend.set_value(self.weight, 0.5)
            """,
        "assign": """
            import keras
            optimizer = keras.optimizers.SGD(0.1)
            optimizer.learning_rate.assign(0.01)
            """,
        "another set_value": """
            widget.set_value(slider.value, 3)
            """,
    },
    "pop-from-model-layers": {
        "a list of one's own": """
            import keras
            model = keras.Sequential([keras.layers.Dense(3)])
            layers = list(model.layers)
            layers.pop()
            """,
        "the model's own method": """
            import keras
            model = keras.Sequential([keras.layers.Dense(3)])
            model.pop()
            model.layers[-1].trainable = False
            """,
        "another object": """
            drawing.layers.append(layer)
            """,
        "an attribute of the class": """
            import keras
            class Stack:
                def __init__(self):
                    self.layers = []
                    self.layers.append(keras.layers.Dense(3))
            """,
    },
    "sequential-input": {
        "called on a symbol": """
            import keras
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            y = model(keras.Input((3,)))
            print(model.input)
            """,
        "a layer of another model": """
            import keras
            base = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            model = keras.Sequential([keras.Input((3,)), base])
            print(base.output)
            """,
        "handed to a function": """
            import keras
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            connect(model)
            print(model.output)
            """,
        "a functional model": """
            import keras
            x = keras.Input((3,))
            model = keras.Model(x, keras.layers.Dense(4)(x))
            print(model.input, model.output)
            """,
        "inputs and outputs": """
            import keras
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4)])
            print(model.inputs[0], model.outputs[0], model.layers[-1].output)
            """,
    },
}


def _cases(snippets: dict[str, dict[str, str]]) -> list[object]:
    return [
        pytest.param(rule, code, id=f"{rule}: {what}")
        for rule, codes in snippets.items()
        for what, code in codes.items()
    ]


def _lines(rule: str, code: str, folder: Path) -> list[int]:
    file = folder / "code.py"
    file.write_text(code, encoding="utf-8")
    return sorted(one.line for one in audit(file, entries=[table.change(rule)]).findings)


@pytest.mark.parametrize(("rule", "code"), _cases(REPORTED))
def test_what_is_certain_is_reported(rule: str, code: str, tmp_path: Path) -> None:
    code = textwrap.dedent(code)
    marked = [n for n, line in enumerate(code.splitlines(), 1) if line.endswith("# here")]
    assert marked
    assert _lines(rule, code, tmp_path) == marked


@pytest.mark.parametrize(("rule", "code"), _cases(SILENT))
def test_what_only_looks_like_it_is_not(rule: str, code: str, tmp_path: Path) -> None:
    assert _lines(rule, textwrap.dedent(code), tmp_path) == []


def test_every_check_has_three_cases_of_each_kind() -> None:
    of_chapter = table.parse(
        Path(table.__file__).with_name("changes").joinpath("models.toml").read_text("utf-8")
    )
    checked = {one.rule for one in of_chapter if any(pattern.check for pattern in one.find)}
    for snippets in (REPORTED, SILENT):
        assert set(snippets) == checked
        assert all(len(codes) >= 3 for codes in snippets.values())
