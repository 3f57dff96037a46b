# %% linear regression with placeholders
import numpy as np
import tensorflow as tf

rng = np.random.RandomState(0)
xs = rng.rand(100, 1).astype("float32")
ys = 3 * xs + 2

x = tf.placeholder(tf.float32, [None, 1])  # expect: tf-placeholder
y = tf.placeholder(tf.float32, [None, 1])  # expect: tf-placeholder
w = tf.Variable(tf.random_normal([1, 1]))  # expect: tf-random-normal
b = tf.Variable(tf.zeros([1]))
loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + b - y))
train = tf.train.GradientDescentOptimizer(0.5).minimize(loss)  # expect: tf-train-optimizers
init = tf.global_variables_initializer()  # expect: tf-global-variables-initializer

with tf.Session() as sess:  # expect: tf-session
    sess.run(init)
    for step in range(201):
        sess.run(train, feed_dict={x: xs, y: ys})
    print("w =", sess.run(w), "b =", sess.run(b))

# %% softmax regression on the digits
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data  # expect: mnist-input-data

mnist = input_data.read_data_sets("MNIST_data/", one_hot=True)
x = tf.placeholder("float", [None, 784])  # expect: tf-placeholder
y_ = tf.placeholder("float", [None, 10])  # expect: tf-placeholder
W = tf.Variable(tf.zeros([784, 10]))
b = tf.Variable(tf.zeros([10]))
y = tf.nn.softmax(tf.matmul(x, W) + b)
cross_entropy = -tf.reduce_sum(y_ * tf.log(y), reduction_indices=[1])  # expect: tf-log, reduction-indices-argument
train_step = tf.train.GradientDescentOptimizer(0.01).minimize(cross_entropy)  # expect: tf-train-optimizers
sess = tf.InteractiveSession()  # expect: tf-session
for i in range(1000):
    batch_xs, batch_ys = mnist.train.next_batch(100)
    sess.run(train_step, {x: batch_xs, y_: batch_ys})

# %% a convolution in a helper, with keep_prob
import tensorflow as tf


def conv2d(x, W):
    return tf.nn.conv2d(x, W, strides=[1, 1, 1, 1], padding='SAME')


def weight_variable(shape):
    initial = tf.truncated_normal(shape, stddev=0.1)  # expect: tf-truncated-normal
    return tf.Variable(initial)


W_conv1 = weight_variable([5, 5, 1, 32])
h_conv1 = tf.nn.relu(conv2d(x_image, W_conv1))
h_pool1 = tf.nn.max_pool(h_conv1, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding='SAME')
h_drop = tf.nn.dropout(h_pool1, keep_prob=0.5)  # expect: dropout-keep-prob

# %% growing GPU memory before Keras starts
import tensorflow as tf
from keras.backend.tensorflow_backend import set_session  # expect: keras-backend-tensorflow-backend

config = tf.ConfigProto()  # expect: tf-config-proto
config.gpu_options.allow_growth = True
set_session(tf.Session(config=config))  # expect: tf-session

# %% the session handed to Keras
import tensorflow as tf
from tensorflow.keras import backend as K

config = tf.ConfigProto(allow_soft_placement=True)  # expect: tf-config-proto
config.gpu_options.per_process_gpu_memory_fraction = 0.4
K.set_session(tf.Session(config=config))  # expect: keras-set-session, tf-session

# %% eager mode switched on by hand
import tensorflow as tf

tf.enable_eager_execution()  # expect: tf-eager-switch
tf.set_random_seed(42)  # expect: tf-set-random-seed
print(tf.VERSION)  # expect: tf-version-names
a = tf.to_float(tf.range(4))  # expect: tf-to-float
print(tf.div(a, 2.0))  # expect: tf-div

# %% layers of the old module
import tensorflow as tf


def cnn(features, is_training):
    net = tf.layers.conv2d(features, 32, 3, activation=tf.nn.relu)  # expect: tf-layers
    net = tf.layers.max_pooling2d(net, 2, 2)  # expect: tf-layers
    net = tf.layers.flatten(net)  # expect: tf-layers
    net = tf.layers.dense(net, 128, activation=tf.nn.relu)  # expect: tf-layers
    net = tf.layers.dropout(net, 0.5, training=is_training)  # expect: tf-layers
    return tf.layers.dense(net, 10)  # expect: tf-layers

# %% contrib initializers and variables
import tensorflow as tf

W1 = tf.get_variable("W1", [25, 12288],  # expect: tf-get-variable
                     initializer=tf.contrib.layers.xavier_initializer(seed=1))  # expect: tf-contrib
b1 = tf.get_variable("b1", [25, 1], initializer=tf.zeros_initializer())  # expect: tf-get-variable

# %% slim under its usual name
import tensorflow as tf
import tensorflow.contrib.slim as slim  # expect: tf-contrib


def head(net):
    net = slim.conv2d(net, 64, [3, 3], scope='conv1')
    net = slim.flatten(net)
    return slim.fully_connected(net, 10, activation_fn=None)

# %% command line flags
import tensorflow as tf

tf.app.flags.DEFINE_string('data_dir', '/tmp/data', 'Where the records are')  # expect: tf-flags
tf.app.flags.DEFINE_integer('batch_size', 64, 'Examples a step')  # expect: tf-flags
tf.logging.set_verbosity(tf.logging.INFO)  # expect: tf-logging

# %% files through gfile
import os
import tensorflow as tf


def clear(folder):
    if tf.gfile.Exists(folder):  # expect: tf-gfile
        tf.gfile.DeleteRecursively(folder)  # expect: tf-gfile
    tf.gfile.MakeDirs(os.path.join(folder, 'train'))  # expect: tf-gfile


with tf.gfile.GFile('labels.txt', 'rb') as f:  # expect: tf-gfile
    labels = [line.strip() for line in f]

# %% checkpoint with Saver inside try and finally
import tensorflow as tf


def train(steps):
    saver = tf.train.Saver(max_to_keep=3)  # expect: tf-train-saver
    sess = tf.Session()  # expect: tf-session
    try:
        sess.run(tf.global_variables_initializer())  # expect: tf-global-variables-initializer
        for step in range(steps):
            if step % 100 == 0:
                saver.save(sess, './ckpt/model', global_step=step)
    finally:
        sess.close()

# %% summaries of the first kind
import tensorflow as tf


def log(sess, loss_value, feed):
    summary_op = tf.summary.merge_all()  # expect: tf-summary-v1
    writer = tf.summary.FileWriter('./logs', sess.graph)  # expect: tf-summary-v1
    summary = sess.run(summary_op, feed_dict=feed)
    writer.add_summary(summary, 0)

# %% decayed learning rate and global step
import tensorflow as tf

step = tf.train.get_or_create_global_step()  # expect: tf-train-global-step
rate = tf.train.exponential_decay(0.1, step, 1000, 0.96, staircase=True)  # expect: tf-train-decay
opt = tf.train.MomentumOptimizer(rate, 0.9)  # expect: tf-train-optimizers

# %% names of the time before 1.0
import tensorflow as tf

a = tf.constant([1.0, 2.0])
b = tf.constant([3.0, 4.0])
c = tf.mul(a, b)  # expect: tf-names-before-1-0
d = tf.sub(a, b)  # expect: tf-names-before-1-0
e = tf.concat(0, [c, d])  # expect: tf-concat-order
f = tf.pack([a, b])  # expect: tf-names-before-1-0

# %% math that moved
import tensorflow as tf


def kl_loss(mu, logvar):
    return -0.5 * tf.reduce_sum(1 + logvar - tf.square(mu) - tf.exp(logvar), 1)


def entropy(p):
    p = tf.where(tf.is_nan(p), tf.zeros_like(p), p)  # expect: tf-is-nan
    return -tf.reduce_sum(p * tf.log(p + 1e-8), axis=-1, keep_dims=True)  # expect: tf-log, keep-dims-argument


def pick(logits):
    return tf.multinomial(logits, num_samples=1)  # expect: tf-multinomial

# %% static shapes with .value
import tensorflow as tf


def flatten(x):
    x = tf.convert_to_tensor(x)
    shape = x.get_shape()
    return tf.reshape(x, [-1, shape[1].value * shape[2].value])  # expect: shape-dimension-value

# %% gradient clipping by hand
import tensorflow as tf


def train_op(loss):
    tvars = tf.trainable_variables()  # expect: tf-trainable-variables
    grads, _ = tf.clip_by_global_norm(tf.gradients(loss, tvars), 5.0)  # expect: tf-gradients
    optimizer = tf.train.AdamOptimizer(1e-3)  # expect: tf-train-optimizers
    return optimizer.apply_gradients(zip(grads, tvars))

# %% an estimator and its model function
import tensorflow as tf


def model_fn(features, labels, mode):
    logits = tf.layers.dense(features["x"], 3)  # expect: tf-layers
    loss = tf.losses.sparse_softmax_cross_entropy(labels=labels, logits=logits)  # expect: tf-losses-functions
    acc = tf.metrics.accuracy(labels, tf.argmax(logits, 1))  # expect: tf-metrics
    return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"acc": acc})  # expect: tf-estimator


classifier = tf.estimator.Estimator(model_fn=model_fn, model_dir="/tmp/iris")  # expect: tf-estimator

# %% a frozen graph
import tensorflow as tf

saver = tf.train.import_meta_graph('model.ckpt.meta')  # expect: tf-train-meta-graph
graph = tf.get_default_graph()  # expect: tf-get-default-graph
with tf.Session() as sess:  # expect: tf-session
    saver.restore(sess, 'model.ckpt')
    frozen = tf.graph_util.convert_variables_to_constants(  # expect: freeze-variables-to-constants
        sess, graph.as_graph_def(), ['output'])

# %% recurrent cells
import tensorflow as tf


def lstm(inputs, units=128):
    cell = tf.nn.rnn_cell.BasicLSTMCell(units)  # expect: tf-nn-rnn-cell
    state = cell.zero_state(32, tf.float32)
    return cell(inputs, state)

# %% accuracy by eval
import tensorflow as tf

logits = tf.matmul(tf.ones([8, 4]), tf.ones([4, 3]))
labels = tf.one_hot([0, 1, 2, 0, 1, 2, 0, 1], 3)
correct = tf.equal(tf.argmax(logits, 1), tf.argmax(labels, 1))
accuracy = tf.reduce_mean(tf.cast(correct, tf.float32))
print("test accuracy %g" % accuracy.eval())  # expect: tensor-eval

# %% printing inside the graph
import tensorflow as tf

x = tf.random_uniform([4], minval=-1, maxval=1)  # expect: tf-random-uniform
x = tf.Print(x, [x, tf.shape(x)], message="x: ")  # expect: tf-print
y = tf.random_shuffle(x)  # expect: tf-random-shuffle

# %% image reading with the old names
import tensorflow as tf


def load(path):
    raw = tf.read_file(path)  # expect: tf-read-file
    image = tf.image.decode_jpeg(raw, channels=3)
    image = tf.image.resize_images(image, [224, 224])  # expect: tf-image-resize-images
    return tf.to_float(image) / 255.0  # expect: tf-to-float
