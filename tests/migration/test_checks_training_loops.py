"""The checks for metrics, optimizers, callbacks and steps of one's own report what is wrong."""

from __future__ import annotations

from pathlib import Path
from textwrap import indent

import pytest
from check_snippets import assert_marked_lines, entries_of

from kcourse.migration.checks.training import callbacks, loops, metrics, optimizers

ENTRIES = entries_of("training")

#: What stands before each snippet.
PRELUDE = """\
import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from tensorflow.keras.callbacks import EarlyStopping, ModelCheckpoint, ReduceLROnPlateau

optimizer = keras.optimizers.Adam(0.1)
model = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(1)])
"""

INIT = "def __init__(self, name='hits', **kwargs):"


def of(base: str, *lines: str) -> str:
    """Return a class with this body."""
    return f"class Own({base}):\n" + indent("\n".join(lines), "    ") + "\n"


def metric(*lines: str, base: str = "keras.metrics.Metric") -> str:
    """Return a metric whose constructor is these lines."""
    return of(base, INIT, indent("\n".join(lines), "    "))


def counting(variable: str, *more: str) -> str:
    """Return a metric that adds to a variable made so."""
    return of(
        "keras.metrics.Metric",
        INIT,
        "    super().__init__(name=name)",
        f"    self.hits = {variable}",
        "def update_state(self, y_true, y_pred, sample_weight=None):",
        "    self.hits.assign_add(tf.reduce_sum(y_pred))",
        *more,
    )


def updated(*lines: str, base: str = "keras.metrics.Metric") -> str:
    """Return a metric whose ``update_state`` is these lines."""
    return of(base, "def update_state(self, y_true, y_pred, sample_weight=None):", *lines)


def callback(*lines: str, base: str = "keras.callbacks.Callback") -> str:
    """Return a callback with this body."""
    return of(base, *lines)


def ended(*lines: str) -> str:
    """Return a callback that does this at the end of an epoch."""
    return callback(
        "def on_epoch_end(self, epoch, logs=None):", *(indent(one, "    ") for one in lines)
    )


def step(*lines: str, base: str = "keras.Model") -> str:
    """Return a model whose ``train_step`` ends in these lines, made, compiled and not fitted."""
    return of(base, "def train_step(self, data):", "    loss = own(data)", *lines) + (
        "\nnet = Own(inputs, outputs)\nnet.compile(optimizer='sgd')\n"
    )


def schedule(*lines: str) -> str:
    """Return a schedule that does this."""
    body = (indent(one, "    ") for one in lines)
    return of("keras.optimizers.schedules.LearningRateSchedule", "def __call__(self, step):", *body)


def fine(code: str) -> str:
    """Return the snippet without its marks: nothing of it is reported."""
    return code.replace("  # <-", "")


HITS = of("keras.metrics.Metric", "def update_state(self, {}):", "    pass")
MARKED = of("keras.metrics.Metric", "def update_state(self, {}):  # <-", "    pass")
ACCURACY = "model.compile('sgd', 'mse', metrics=['accuracy'])\n"
FUNCTION = "def f1(y_true, y_pred):\n    return 1.0\nmodel.compile('sgd', 'mse', metrics=[f1])\n"
SCHEDULE = "rate = keras.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)\n"
SCHEDULED = SCHEDULE + "model.compile(keras.optimizers.SGD(rate), 'mse')\n"
HALVING = "halve = keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr / 2)\n"
IOU = "one.compile(loss='mse', metrics=[{}])"
SIGMOID = "one = keras.Sequential([keras.Input((2,)), layers.Dense(1, activation='sigmoid')])\n"
SOFTMAX = SIGMOID.replace("Dense(1, activation='sigmoid'", "Dense(3, 'softmax'")
GAN = """\
critic = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
critic.compile("sgd", "mse")
critic.trainable = False  # <-
gan = keras.Sequential([keras.Input((3,)), layers.Dense(2), critic])
gan.compile("sgd", "mse")
critic.train_on_batch(x, y)
gan.train_on_batch(x, y)
"""
GAN_CLASS = """\
class GAN:
    def __init__(self):
        self.critic = self.build_critic()
        self.critic.compile("sgd", "mse")
        self.critic.trainable = False  # <-
        self.combined = keras.Model(noise, self.critic(self.generator(noise)))
        self.combined.compile("sgd", "mse")

    def build_critic(self):
        made = keras.Sequential()
        made.add(layers.Dense(1))
        return keras.Model(image, made(image))

    def train(self):
        for _ in range(9):
            self.critic.train_on_batch(x, y)
            self.combined.train_on_batch(x, y)
"""
TWO = """\
one = keras.Sequential([keras.Input((2,)), layers.Dense(1)])
two = keras.Sequential([keras.Input((2,)), layers.Dense(2)])
one.compile(optimizer=optimizer, loss="mse")
two.compile(optimizer=optimizer, loss="mse")  # <-
one.fit(x, y)
two.fit(x, y)
"""

#: Snippets for each rule; what is reported stands in the lines that are marked.
SNIPPETS = {
    "metric-defines-reset-states": [
        counting("self.add_weight()", "def reset_states(self):  # <-", "    self.hits.assign(0.0)"),
        of("tf.keras.metrics.Mean", "def reset_states(self):  # <-", "    pass"),
        of(
            "keras.Metric",
            INIT,
            "    super().__init__()",
            "def reset_states(self):  # <-",
            "    pass",
        ),
        of("keras.metrics.Metric", "def reset_state(self):", "    pass"),
        of(
            "keras.metrics.Metric",
            "def reset_state(self):",
            "    pass",
            "def reset_states(self):",
            "    self.reset_state()",
        ),
        of("keras.metrics.Mean", "def reset_states(self):", "    pass") + "Own().reset_states()",
        of(
            "keras.metrics.Mean",
            "def reset_states(self):",
            "    pass",
            "reset_state = reset_states",
        ),
        of("Other", "def reset_states(self):", "    pass"),
        of("layers.Layer", "def reset_states(self):", "    pass"),
    ],
    "metric-without-super": [
        metric("self.hits = self.add_weight(name='hits')")
        .replace(":\n", ":  # <-\n")
        .replace("Metric):  # <-", "Metric):"),
        of("tf.keras.metrics.Mean", "def __init__(self):  # <-", "    self.total = 0"),
        of("keras.Metric", "def __init__(self, name):  # <-", "    self.name = name"),
        metric("super().__init__(name=name)"),
        metric("super(Own, self).__init__(name=name)"),
        metric("keras.metrics.Metric.__init__(self, name=name)"),
        metric("raise NotImplementedError"),
        metric(
            "self.set_up(name)", "", "def set_up(self, name):", "    super().__init__(name=name)"
        ),
        of("keras.metrics.Metric", "def result(self):", "    return self.total"),
        of("Other", "def __init__(self):", "    self.total = 0"),
    ],
    "metric-name-first": [
        metric("super().__init__(name, **kwargs)  # <-"),
        metric("super(Own, self).__init__(name)  # <-", base="keras.Metric"),
        metric("super().__init__('hits')  # <-", base="tf.keras.metrics.Metric"),
        metric("super().__init__(name=name, **kwargs)"),
        metric("super().__init__('float32', name=name)"),
        metric("super().__init__(None, name)"),
        metric("super().__init__(name, **kwargs)", base="keras.metrics.Mean"),
        of("keras.metrics.Metric", INIT, "    super().__init__(name=name)")
        + "class More(Own):\n    def __init__(self, name):\n        super().__init__(name)",
        metric("super().__init__(name)", base="Other, keras.metrics.Metric"),
    ],
    "metric-update-state-without-sample-weight": [
        MARKED.format("y_true, y_pred") + "model.compile('sgd', 'mse', metrics=[Own()])",
        MARKED.format("real, guess")
        + "own = Own()\nmodel.compile('sgd', 'mse', metrics=['mae', own])",
        MARKED.format("*args") + "def build():\n    model.compile(metrics=['mse', Own()])",
        MARKED.format("y_true, y_pred")
        + "class More(Own):\n    pass\nmodel.compile('sgd', 'mse', metrics=[More()])",
        HITS.format("y_true, y_pred, sample_weight=None")
        + "model.compile('sgd', 'mse', metrics=[Own()])",
        HITS.format("y_true, y_pred, **kwargs") + "model.compile('sgd', 'mse', metrics=[Own()])",
        HITS.format("y_true, y_pred") + "own = Own()\nown.update_state(1, 2)",
        HITS.format("y_true, y_pred") + "net.compile('sgd', 'mse', metrics=[Own()])",
        HITS.replace("keras.metrics.Metric", "Other").format("a, b")
        + "model.compile('sgd', 'mse', metrics=[Own()])",
    ],
    "metric-tf-variable": [
        counting("tf.Variable(0.0)  # <-"),
        counting("tf.Variable(tf.zeros((3,)), name='hits')  # <-"),
        counting("tf.Variable(0.0)  # <-").replace("self.hits =", "self.hits: object ="),
        counting("self.add_variable((), 'zeros')"),
        counting("keras.Variable(0.0)"),
        counting("tf.Variable(0.0)", "def reset_state(self):", "    self.hits.assign(0.0)"),
        counting("tf.Variable(0.0)", "def reset_states(self):", "    self.hits.assign(0.0)"),
        counting("tf.Variable(0.5)").replace("self.hits.assign_add(", "print(self.hits, "),
        counting("tf.Variable(0.0)").replace("keras.metrics.Metric", "layers.Layer"),
    ],
    "metric-label-shape": [
        updated("    y_pred = tf.reshape(tf.argmax(y_pred, axis=1), shape=(-1, 1))  # <-"),
        updated("    y_pred = ops.reshape(ops.argmax(y_pred, axis=1), (-1, 1))  # <-"),
        updated("    y_pred = tf.reshape(y_pred, [-1, 1])  # <-\n    same = y_true == y_pred"),
        updated("    y_pred = tf.reshape(tf.argmax(y_pred, axis=1), (-1,))"),
        updated("    y_true = ops.ravel(y_true)\n    y_pred = ops.reshape(y_pred, (-1, 1))"),
        updated("    y_pred = ops.reshape(y_pred, (-1, 1))\n    same = y_true[:, None] == y_pred"),
        updated("    rows = ops.reshape(y_pred, (-1, 1))"),
        updated("    y_pred = tf.reshape(y_pred, (-1, 1))", base="Other"),
    ],
    "mean-iou-of-probabilities": [
        SIGMOID + IOU.format("keras.metrics.MeanIoU(2)  # <-\n"),
        SOFTMAX + IOU.format("keras.metrics.MeanIoU(num_classes=3)  # <-\n"),
        SIGMOID + IOU.format("'mae', tf.keras.metrics.IoU(2, target_class_ids=[1])  # <-\n"),
        SIGMOID + IOU.format("keras.metrics.BinaryIoU(threshold=0.5)"),
        SOFTMAX + IOU.format("keras.metrics.MeanIoU(num_classes=3, sparse_y_pred=False)"),
        SOFTMAX + IOU.format("keras.metrics.OneHotMeanIoU(num_classes=3)"),
        SIGMOID + IOU.format("keras.metrics.MeanIoU(**options)"),
        SIGMOID + "iou = keras.metrics.MeanIoU(2)\niou.update_state(y, one.predict(x) > 0.5)",
        IOU.format("keras.metrics.MeanIoU(2)"),
        "model.compile(loss='mse', metrics=[keras.metrics.MeanIoU(2)])",
    ],
    "optimizer-epsilon-none": [
        "keras.optimizers.Adam(epsilon=None)  # <-",
        "tf.keras.optimizers.RMSprop(0.1, rho=0.9, epsilon=None)  # <-",
        "nothing = None\nkeras.optimizers.Nadam(epsilon=nothing)  # <-",
        "keras.optimizers.Adam(epsilon=1e-7)",
        "keras.optimizers.Adam(epsilon=epsilon)",
        "keras.optimizers.Adam(clipnorm=None)",
        "layers.BatchNormalization(epsilon=None)",
        "class Adam:\n    pass\nAdam(epsilon=None)",
    ],
    "learning-rate-integer": [
        "keras.optimizers.SGD(learning_rate=1)  # <-",
        "tf.keras.optimizers.Adadelta(1)  # <-",
        "rate = 1\nkeras.optimizers.SGD(rate)  # <-",
        "keras.optimizers.SGD(learning_rate=1.0)",
        "keras.optimizers.SGD(rate)",
        "rate = 1\nkeras.optimizers.SGD(rate / 10)",
        "keras.optimizers.SGD(momentum=1)",
        "keras.optimizers.LossScaleOptimizer(1)",
        SCHEDULE + "keras.optimizers.SGD(rate)",
        "def make(rate=1):\n    return keras.optimizers.SGD(rate)",
    ],
    "optimizer-variables-call": [
        "optimizer.variables()  # <-",
        "names = [one.name for one in model.optimizer.variables()]  # <-",
        "def save(opt: keras.optimizers.Optimizer):\n    return opt.variables()  # <-",
        "optimizer.variables",
        "opt.variables()",
        "tf.compat.v1.train.AdamOptimizer(0.1).variables()",
        of("keras.optimizers.SGD", "def variables(self):", "    return []") + "Own().variables()",
        "optimizer.get_config()",
    ],
    "learning-rate-called": [
        "optimizer.learning_rate(optimizer.iterations)  # <-",
        "float(model.optimizer.learning_rate(3))  # <-",
        ended("self.rate = self.model.optimizer.learning_rate(epoch)  # <-"),
        "float(optimizer.learning_rate)",
        "optimizer.learning_rate.assign(0.1)",
        SCHEDULE + "rate(3)",
        "config.learning_rate(3)",
        of("keras.optimizers.SGD", "def learning_rate(self, step):", "    return 1")
        + "Own().learning_rate(1)",
    ],
    "optimizer-iterations-assigned": [
        "optimizer.iterations = 100  # <-",
        "model.optimizer.iterations = tf.Variable(100)  # <-",
        "optimizer.iterations += 1  # <-",
        "optimizer.iterations.assign(100)",
        "optimizer.iterations.assign_add(1)",
        "steps = optimizer.iterations",
        "settings.iterations = 100",
        of("keras.optimizers.SGD", "def start(self):", "    self.iterations = 0"),
    ],
    "optimizer-update-step-arguments": [
        of(
            "keras.optimizers.Optimizer",
            "def update_step(self, gradient, variable):  # <-",
            "    pass",
        ),
        of("tf.keras.optimizers.Optimizer", "def update_step(self, g, v):  # <-", "    pass"),
        of("keras.optimizers.SGD", "def update_step(self, grad, var):  # <-", "    pass"),
        of("keras.optimizers.Optimizer", "def update_step(self, g, v, learning_rate):", "    pass"),
        of("keras.optimizers.Optimizer", "def update_step(self, *args):", "    pass"),
        of("keras.optimizers.SGD", "def update_step(self, g, v, learning_rate=None):", "    pass"),
        of(
            "keras.optimizers.Optimizer",
            "def apply_gradients(self, pairs):",
            "    for pair in pairs:",
            "        self.update_step(*pair)",
            "def update_step(self, g, v):",
            "    pass",
        ),
        of("Other", "def update_step(self, gradient, variable):", "    pass"),
    ],
    "callback-misspelt-hook": [
        callback("def on_epoch_beign(self, epoch, logs=None):  # <-", "    pass"),
        callback("def on_epochs_end(self, epoch, logs=None):  # <-", "    pass"),
        callback("def on_train__begin(self, logs=None):  # <-", "    pass", base="EarlyStopping"),
        callback("def on_Batch_End(self, batch, logs=None):  # <-", "    pass"),
        callback("def on_trainbatch_end(self, batch, logs=None):  # <-", "    pass"),
        callback("def on_epoch_begin(self, epoch, logs=None):", "    pass"),
        callback("def on_improvement(self, epoch):", "    pass"),
        callback("def on_trial_end(self):", "    pass", "def on_text_begin(self):", "    pass"),
        callback("def on_epoch_end_(self, epoch, logs=None):", "    pass"),
        callback(
            "def on_epoch_ended(self):",
            "    pass",
            "def on_epochs_end(self):",
            "    pass",
            "def on_epoch_end(self, epoch, logs=None):",
            "    self.on_epochs_end()",
        ),
        of("Trainer", "def on_epoch_beign(self, epoch):", "    pass"),
    ],
    "callback-model-assigned": [
        callback(
            "def __init__(self, model):", "    super().__init__()", "    self.model = model  # <-"
        ),
        callback("def set_model(self, model):", "    self.model = self.other = model  # <-"),
        callback("def use(self, net):", "    self.model: object = net  # <-", base="EarlyStopping"),
        "class Base(keras.callbacks.Callback):\n    pass\n"
        + of("Base", "def use(self, net):", "    self.model = net  # <-"),
        callback("def __init__(self, model):", "    super().__init__()", "    self.net = model"),
        callback("def use(self, net):", "    self.set_model(net)"),
        callback("model = None", "def use(self, net):", "    self.model = net"),
        callback(
            "@property",
            "def model(self):",
            "    return self._net",
            "@model.setter",
            "def model(self, net):",
            "    self._net = net",
            "def use(self, net):",
            "    self.model = net",
        ),
        callback(
            "def use(self, net):", "    self.model = net", base="Other, keras.callbacks.Callback"
        ),
        of("Other", "def __init__(self, model):", "    self.model = model"),
    ],
    "callback-validation-data": [
        ended("self.model.predict(self.validation_data[0])  # <-"),
        ended("x, y = self.validation_data  # <-"),
        callback("def on_train_end(self, logs=None):", "    return self.validation_data[:2]  # <-"),
        ended("self.model.predict(self.x_val)"),
        callback(
            "def __init__(self, data):",
            "    super().__init__()",
            "    self.validation_data = data",
            "def on_epoch_end(self, epoch, logs=None):",
            "    print(self.validation_data)",
        ),
        ended("print(self.validation_data)") + "own = Own()\nown.validation_data = (x, y)",
        ended("if hasattr(self, 'validation_data'):\n    print(self.validation_data)"),
        ended("print(self.settings.validation_data)"),
        ended("print(self.validation_data)").replace("(keras", "(Other, keras"),
        of("Other", "def show(self):", "    print(self.validation_data)"),
    ],
    "callback-params-keys": [
        ended("names = self.params['metrics']  # <-"),
        ended("for one in range(self.params['samples']):  # <-", "    print(one)"),
        callback(
            "def on_train_begin(self, logs=None):",
            "    if self.params['do_validation']:  # <-",
            "        pass",
        ),
        ended("epochs = self.params['epochs']"),
        ended("steps = self.params.get('samples')"),
        ended("self.params['metrics'] = []"),
        ended("if 'metrics' in self.params:\n    print(self.params['metrics'])"),
        callback(
            "def set_params(self, params):",
            "    self.params = {**params, 'samples': 3}",
            "def on_train_begin(self, logs=None):",
            "    print(self.params['samples'])",
        ),
        of("Other", "def show(self):", "    return self.params['metrics']"),
    ],
    "callback-batch-hook-logs": [
        callback("def on_train_batch_end(self, batch, log):  # <-", "    pass"),
        callback("def on_batch_begin(self, batch):  # <-", "    pass"),
        callback("def on_predict_batch_end(self, *args):  # <-", "    pass"),
        "keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, l: print(l))  # <-",
        "def show(batch, values):\n    print(values)\n"
        "keras.callbacks.LambdaCallback(on_batch_end=show)  # <-",
        callback("def on_train_batch_end(self, batch, logs=None):", "    pass"),
        callback("def on_batch_begin(self, batch, **kwargs):", "    pass"),
        callback("def on_epoch_end(self, epoch, log):", "    pass"),
        "keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: print(logs))",
        "keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, l: print(l))",
        "keras.callbacks.LambdaCallback(on_batch_end=show)",
        of("Other", "def on_batch_begin(self, batch):", "    pass"),
    ],
    "monitor-acc": [
        ACCURACY + "EarlyStopping(monitor='val_acc')  # <-",
        ACCURACY + "ModelCheckpoint('best.keras', 'val_acc', save_best_only=True)  # <-",
        "model.compile('sgd', 'mse', metrics=['mae', 'acc'])\n"
        "tf.keras.callbacks.ReduceLROnPlateau(monitor='val_accuracy')  # <-",
        "stop = EarlyStopping('acc', mode='max')  # <-\n"
        "model.compile(metrics=['accuracy', keras.metrics.AUC(), keras.metrics.Mean(name='m')])",
        ACCURACY + "EarlyStopping(monitor='val_accuracy')",
        ACCURACY + "EarlyStopping(monitor='val_loss')",
        ACCURACY + "net.compile('sgd', 'mse', metrics=['acc'])\nEarlyStopping(monitor='val_acc')",
        ACCURACY + "net.compile('sgd', 'mse', metrics=METRICS)\nEarlyStopping(monitor='val_acc')",
        "model.compile('sgd', 'mse', metrics=['accuracy', acc])\nEarlyStopping(monitor='val_acc')",
        "model.compile(metrics=['accuracy', keras.metrics.AUC(name='acc')])\n"
        "EarlyStopping('val_acc')",
        "model.compile(metrics=['accuracy', own.Accuracy()])\nEarlyStopping(monitor='val_acc')",
        "model.compile('sgd', 'mse')\nEarlyStopping(monitor='val_acc')",
        ACCURACY + step("    return {'acc': loss}") + "EarlyStopping(monitor='val_acc')",
    ],
    "monitor-without-mode": [
        FUNCTION + "model.fit(x, y, callbacks=[EarlyStopping(monitor='val_f1')])  # <-",
        FUNCTION + "stop = ReduceLROnPlateau('f1')\nmodel.fit(x, y, callbacks=[stop])  # <-",
        FUNCTION + "best = ModelCheckpoint('best.keras', 'val_f1', save_best_only=True)\n"
        "model.fit(x, y, callbacks=[keras.callbacks.TerminateOnNaN(), best])  # <-",
        FUNCTION + "model.fit(x, y, callbacks=[EarlyStopping('val_f1', mode='max')])",
        FUNCTION + "model.fit(x, y, callbacks=[EarlyStopping('val_f1', 0, 3, 0, 'max')])",
        FUNCTION + "model.fit(x, y, callbacks=[EarlyStopping('val_loss')])",
        FUNCTION + "model.fit(x, y, callbacks=[EarlyStopping('val_f1', **options)])",
        ACCURACY + "model.fit(x, y, callbacks=[EarlyStopping('val_accuracy')])",
        FUNCTION + "model.fit(x, y, callbacks=callbacks)",
    ],
    "early-stopping-without-validation": [
        "model.fit(x, y, epochs=9, callbacks=[EarlyStopping(patience=1)])  # <-",
        "stop = EarlyStopping('val_loss')\nmodel.fit(x, callbacks=[stop])  # <-",
        "def train():\n    callbacks = [ModelCheckpoint('a.keras'), EarlyStopping()]\n"
        "    model.fit(x, y, callbacks=callbacks)  # <-",
        "model.fit(x, y, validation_split=0.1, callbacks=[EarlyStopping()])",
        "model.fit(x, y, validation_data=(x, y), callbacks=[EarlyStopping()])",
        "model.fit(x, y, callbacks=[EarlyStopping('loss')])",
        "model.fit(x, y, 32, 9, 0, [EarlyStopping()], 0.1)",
        "model.fit(x, y, callbacks=[EarlyStopping()], **options)",
        "model.fit(x, y, callbacks=[EarlyStopping(monitor)])",
        callback("pass") + "model.fit(x, y, callbacks=[Own(), EarlyStopping()])",
        "several = [EarlyStopping()]\nseveral.append(own)\nmodel.fit(x, y, callbacks=several)",
        step("    return {'val_loss': loss}") + "net.fit(x, y, callbacks=[EarlyStopping()])",
        "search.fit(x, y, callbacks=[EarlyStopping()])",
    ],
    "history-lr-key": [
        HALVING + "fitted = model.fit(x, y, callbacks=[halve])\nfitted.history['lr']  # <-",
        HALVING + "logs = model.fit(x, y, callbacks=[halve]).history\nrates = logs['lr']  # <-",
        "fitted = model.fit(x, y, callbacks=[ReduceLROnPlateau()])\n"
        "def show():\n    print(fitted.history['lr'])  # <-",
        HALVING + "model.fit(x, y, callbacks=[halve]).history['learning_rate']",
        "model.fit(x, y, callbacks=callbacks).history['lr']",
        callback("pass") + HALVING + "model.fit(x, y, callbacks=[halve, Own()]).history['lr']",
        HALVING
        + "def lr(y_true, y_pred):\n    return optimizer.learning_rate\n"
        + "model.fit(x, y, callbacks=[halve]).history['lr']",
        "settings.history['lr']",
    ],
    "scheduler-returns-tensor": [
        "keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * tf.math.exp(-0.1))  # <-",
        "def slower(epoch, lr):\n    if epoch < 10:\n        return lr\n"
        "    return lr * tf.math.exp(-0.1)\n"
        "tf.keras.callbacks.LearningRateScheduler(slower)  # <-",
        "keras.callbacks.LearningRateScheduler(lambda e: 0.1 / ops.sqrt(e + 1.0), 1)  # <-",
        "keras.callbacks.LearningRateScheduler(lambda epoch, lr: lr * np.exp(-0.1))",
        "keras.callbacks.LearningRateScheduler(lambda epoch, lr: float(lr * tf.math.exp(-0.1)))",
        "keras.callbacks.LearningRateScheduler(lambda e, lr: (lr * tf.math.exp(-0.1)).numpy())",
        "keras.callbacks.LearningRateScheduler(slower)",
        "def slower(epoch, lr):\n    return lr * tf.math.exp(-0.1)\nslower(1, tf.constant(2.0))",
        HALVING,
    ],
    "schedule-and-callback": [
        SCHEDULED + "model.fit(x, y, callbacks=[ReduceLROnPlateau('loss')])  # <-",
        SCHEDULED + HALVING + "model.fit(x, y, callbacks=[EarlyStopping(), halve])  # <-",
        SCHEDULE
        + "def train():\n    opt = keras.optimizers.Adam(learning_rate=rate)\n"
        + "    model.compile(optimizer=opt, loss='mse')\n"
        + "    model.fit(x, y, callbacks=[own, ReduceLROnPlateau()])  # <-",
        SCHEDULED + "model.fit(x, y, callbacks=[EarlyStopping('loss')])",
        "model.compile(keras.optimizers.SGD(0.1), 'mse')\n"
        + HALVING
        + "model.fit(x, callbacks=[halve])",
        "model.compile(keras.optimizers.SGD(rate), 'mse')\n"
        + HALVING
        + "model.fit(x, callbacks=[halve])",
        SCHEDULED + "model.fit(x, y, callbacks=callbacks)",
        SCHEDULE
        + HALVING
        + "if flag:\n    model.compile(keras.optimizers.SGD(0.1), 'mse')\n"
        + "else:\n    model.compile(keras.optimizers.SGD(rate), 'mse')\n"
        + "model.fit(x, y, callbacks=[halve])",
        SCHEDULED + ACCURACY + HALVING + "model.fit(x, y, callbacks=[halve])",
    ],
    "schedule-integer-step": [
        schedule("arg1 = tf.math.rsqrt(step)", "return tf.math.minimum(arg1, step * 2.0)")
        + "keras.optimizers.Adam(Own(512), beta_2=0.98)  # <-",
        schedule("return 0.1 * tf.sqrt(step + 1)")
        + "rate = Own()\ndef make():\n    return tf.keras.optimizers.SGD(learning_rate=rate)  # <-",
        schedule("return tf.exp(step - 2)")
        + "class More(Own):\n    pass\nkeras.optimizers.SGD(More())  # <-",
        schedule("step = tf.cast(step, tf.float32)", "return tf.math.rsqrt(step)")
        + "keras.optimizers.SGD(Own())",
        schedule("return tf.math.rsqrt(tf.cast(step, 'float32')) + ops.rsqrt(step)")
        + "keras.optimizers.SGD(Own())",
        schedule("return tf.math.exp(step / 10)") + "keras.optimizers.SGD(Own())",
        schedule("return tf.math.rsqrt(step)") + "rates = Own()(tf.range(9.0))",
        of("Other", "def __call__(self, step):", "    return tf.math.rsqrt(step)")
        + "keras.optimizers.SGD(Own())",
        SCHEDULE + "keras.optimizers.SGD(rate)",
    ],
    "checkpoint-weights-suffix": [
        "ModelCheckpoint('best.h5', save_weights_only=True)  # <-",
        "keras.callbacks.ModelCheckpoint(filepath='m.{epoch}.keras', save_weights_only=True)  # <-",
        "path = f'{folder}/w-best.h5'\nModelCheckpoint(path, 'val_loss', 0, True, True)  # <-",
        "ModelCheckpoint('best.weights.h5', save_weights_only=True)",
        "ModelCheckpoint('best.h5', save_weights_only=False)",
        "ModelCheckpoint('best.keras')",
        "ModelCheckpoint('best.h5', save_weights_only=flag)",
        "ModelCheckpoint(path, save_weights_only=True)",
        "ModelCheckpoint(f'{name}.h5', save_weights_only=True)",
        "own.ModelCheckpoint('best.h5', save_weights_only=True)",
    ],
    "train-step-loss-tracker": [
        step("    return {'loss': loss}") + "net.fit(x, y)  # <-",
        step("    if loss is None:", "        return {'loss': 0.0}", "    return {'loss': loss}")
        + "history = net.fit(x, epochs=3)  # <-",
        step("    return {'loss': loss}", base="tf.keras.Model").replace(
            "'sgd')", "'sgd', loss='mse')"
        )
        + "def train():\n    return net.fit(x, y)  # <-",
        step("    return {'loss': loss, 'steps': 1}") + "net.fit(x, y)",
        step("    self._loss_tracker.update_state(loss)", "    return {'loss': loss}")
        + "net.fit(x, y)",
        step("    return {'loss': self.mean.result()}") + "net.fit(x, y)",
        step("    return {'loss': loss}", "@property", "def metrics(self):", "    return [own]")
        + "net.fit(x, y)",
        step("    return {'loss': loss}").replace("'sgd')", "'sgd', metrics=['mae'])")
        + "net.fit(x, y)",
        step(
            "    return {'loss': loss}",
            "def build(self, shape):",
            "    self.mean = keras.metrics.Mean('loss')",
        )
        + "net.fit(x, y)",
        step("    return {'loss': loss}", base="Base") + "net.fit(x, y)",
        step("    return {'loss': loss}"),
    ],
    "frozen-after-compile": [
        GAN,
        GAN.replace("critic.train_on_batch", "critic.fit"),
        GAN_CLASS,
        fine(GAN).replace("critic.train_on", "critic.trainable = True\ncritic.train_on"),
        fine(GAN).replace('gan.compile("sgd", "mse")\n', ""),
        fine(GAN).replace("critic.train_on_batch(x, y)\n", ""),
        fine(GAN).replace('critic.compile("sgd", "mse")\n', "critic.train_on_batch(x, y)\n"),
        fine(GAN) + "for layer in critic.layers:\n    layer.trainable = flag",
        fine(GAN).replace("critic = keras.Sequential([keras.Input((2,)), layers.Dense(1)])\n", ""),
        fine(GAN_CLASS).replace(
            "for _ in range(9):", "for _ in range(9):\n            switch(setattr)"
        ),
    ],
    "optimizer-of-two-models": [
        TWO,
        TWO.replace("two.fit(x, y)", "for _ in range(3):\n    two.train_on_batch(x, y)"),
        TWO.replace("optimizer=optimizer", "optimizer"),
        "def run():\n" + indent(TWO, "    "),
        fine(TWO).replace("one.compile(optimizer=optimizer", "one.compile(optimizer='adam'"),
        fine(TWO).replace("two.fit(x, y)", "two.evaluate(x, y)"),
        fine(TWO).replace("\ntwo.compile", "\noptimizer = keras.optimizers.SGD()\ntwo.compile"),
        fine(TWO).replace(
            "two = keras.Sequential([keras.Input((2,)), ", "two = keras.Sequential([one, "
        ),
        fine(TWO).replace("two = ", "two = keras.Model(a, b)\nthird = "),
        fine(TWO).replace("two = ", "two = build()\nthird = "),
    ],
}


@pytest.mark.parametrize(
    ("rule", "snippet"), [(rule, one) for rule, several in SNIPPETS.items() for one in several]
)
def test_what_is_marked_is_reported_and_nothing_else(
    rule: str, snippet: str, tmp_path: Path
) -> None:
    assert_marked_lines(rule, PRELUDE + snippet, ENTRIES, tmp_path)


def test_each_check_has_its_snippets() -> None:
    written = set[str]().union(
        *(module.registry.names for module in (callbacks, loops, metrics, optimizers))
    )
    checked = {one.rule for one in ENTRIES if any(pattern.check in written for pattern in one.find)}
    assert checked == set(SNIPPETS)
